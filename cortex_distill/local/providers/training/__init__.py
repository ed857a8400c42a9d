"""Training in a process of its own: started and watched (`parent`), run (`process`), epoch by epoch (`course`).

What is trained, and how, is the business of the provider; its process calls `process.main`.
A job's folder holds, while it is trained, `job.json`, `checkpoint`, `errors.txt` and `train.lock`; what stays is
`training.json` and the model.
"""
