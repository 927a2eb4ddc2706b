"""What was asked for: the job's environment to values, one ``Mistake`` for each thing wrong."""
