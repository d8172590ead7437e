"""The command line: reads arguments and the environment, makes one call, prints, exits."""
