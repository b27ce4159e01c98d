"""The template language: its sections, parameters, functions, references and order of dependencies."""
