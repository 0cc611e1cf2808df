"""The usual manage.py, of the project in project.py."""

import sys

import project  # noqa: F401  it configures Django
from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
