"""The numbers Styx promises, measured: ``make bench`` prints what was asked, what was measured, and the floor."""
