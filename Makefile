# What everybody types. The work is in controlpanel/lab; this installs what that needs, once.

PYTHON := .venv/bin/python
MANAGE := $(PYTHON) manage.py
STAMPS := var/stamps
ARGS :=

# Debian's packages: a compiler and headers for python-ldap, translations, the lab's tools; a browser for the tests.
PACKAGES := python3 python3-venv python3-dev gcc libc6-dev libldap2-dev libsasl2-dev gettext \
	systemd-container mmdebstrap iproute2 util-linux
TEST_PACKAGES := chromium

READY := $(STAMPS)/python $(STAMPS)/messages $(STAMPS)/static

.NOTPARALLEL:
.PHONY: run test bench lab lab-down lint machine packages test-packages

run: machine packages $(READY)
	@exec $(MANAGE) run_panel

# Two processes: one drives the hosts, test after test, while the other does what needs only PostgreSQL.
test: machine packages test-packages $(READY)
	@exec $(MANAGE) run_panel -- $(PYTHON) -m pytest -n 2 $(ARGS)

bench: machine packages $(READY)
	@exec $(MANAGE) run_panel -- $(PYTHON) -m tests.bench $(ARGS)

lab: machine packages $(STAMPS)/python
	@exec $(MANAGE) lab up $(ARGS)

lab-down: machine packages $(STAMPS)/python
	@exec $(MANAGE) lab down $(ARGS)

lint: packages $(STAMPS)/python
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy .
	.venv/bin/lint-imports

machine:
	@test "$$(id -u)" = 0 || { echo 'This needs root: it installs packages, boots hosts and builds a network. Try: sudo make $(MAKECMDGOALS)'; exit 1; }
	@test -e /etc/debian_version || { echo 'This needs Debian 12 or later: the hosts of the lab are made with its tools.'; exit 1; }

packages test-packages: WANTED = $(if $(filter test-packages,$@),$(TEST_PACKAGES),$(PACKAGES))
packages test-packages:
	@dpkg-query --status $(WANTED) >/dev/null 2>&1 || { \
		echo 'Installing packages of Debian: $(WANTED)'; \
		apt-get update --quiet=2 && \
		DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends $(WANTED) >/dev/null; }

$(STAMPS)/python: requirements.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'This needs Python 3.11 or later.'; exit 1; }
	@echo 'Installing Python packages into .venv'
	@python3 -m venv .venv
	@.venv/bin/pip install --quiet --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@mkdir -p $(@D) && touch $@

$(STAMPS)/messages: $(STAMPS)/python $(shell find locale -name '*.po')
	@$(MANAGE) compilemessages --verbosity=0 --ignore=.venv
	@touch $@

$(STAMPS)/static: $(STAMPS)/python $(shell find static */static -type f 2>/dev/null)
	@$(MANAGE) collectstatic --no-input --clear --verbosity=0
	@touch $@
