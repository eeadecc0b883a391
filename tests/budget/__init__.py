"""How much a page may ask of the database, for every page there is, however large the organization grows."""
