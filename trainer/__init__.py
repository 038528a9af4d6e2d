"""Turns a job folder into a LoRA, in a process of its own.

Other rooms take only `job`, `presets`, `plan` and `supervisor` from here.
"""
