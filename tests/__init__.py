"""Tests of nbchat: no test reaches past this machine."""
