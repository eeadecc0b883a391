"""A whole data centre on one machine: real Debian hosts under systemd-nspawn, with their own addresses and a bridge.

Nothing in the product knows that it runs here; the lab gives it what a site's operator would: installed hosts, a
database, a directory and a storage cluster.

    hosts.py         the table of hosts: name, address, suite, services, who provisions it
    images.py        Debian images, built once and cached (recipes.py says what is in them)
    instance.py      one lab: its name, network and folder
    machine.py       one host: start, stop, pull the plug, cut the network, run a command in it
    lifecycle.py     up and down for many hosts at once
    provision/       what the operator of a site would have set up by hand
    environment.py   the secrets and the env file that the panel reads
    cli.py           `manage.py lab …`
"""
