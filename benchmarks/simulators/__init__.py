"""The same models played by several simulators, each written as its users write it."""
