"""`python -m nbchat.providers` prints the table of providers."""

from nbchat.providers.shown import providers_table

print(providers_table())
