"""The verdict. Pure: evidence in, decision out; no clock, no network, no alias is written."""
