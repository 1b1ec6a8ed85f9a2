"""The desktop window: views show and report, presenters decide, models hold. Qt lives here and nowhere else."""
