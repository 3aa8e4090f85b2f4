"""Provision, set up, submit, tear down, reconcile: what turns a task into machines and back."""
