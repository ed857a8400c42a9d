"""What the newest versions do to this project: a job for once a week, `make upgrades`."""
