"""In which order the steps run, and the command line."""
