/* First part of the extension script: keeps it from being read by psql as it is. */

\echo Use "CREATE EXTENSION distquery" to load this file. \quit

