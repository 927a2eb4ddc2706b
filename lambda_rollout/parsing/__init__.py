"""From what a person wrote to values: pure functions, one ``Mistake`` for each thing wrong."""
