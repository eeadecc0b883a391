"""`python -m controlpanel.lab …`: `manage.py lab …` without Django, quicker and whatever state the panel is in."""

import argparse

from . import cli

parser = argparse.ArgumentParser(prog="python -m controlpanel.lab")
cli.add_arguments(parser)
cli.main(parser.parse_args())
