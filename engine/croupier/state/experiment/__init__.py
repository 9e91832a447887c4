"""The running experiment as part of the state: assignment of units and the policies of variants."""
