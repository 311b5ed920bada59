"""Puts real objects together."""
