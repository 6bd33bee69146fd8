"""What of this folder pytest leaves alone: the site's files need the group docs."""

collect_ignore = ["conf.py", "build.py"]
