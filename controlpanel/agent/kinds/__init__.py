"""Kinds of resources that hosts can hold. One module a kind; ``registry.py`` lists them."""
