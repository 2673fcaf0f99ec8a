"""Tables, snapshot and feature matrix: the single definition of every feature of the model."""
