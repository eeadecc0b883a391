"""How a web host serves sites: nginx in front, one PHP master a site behind it, each in a box of its own."""
