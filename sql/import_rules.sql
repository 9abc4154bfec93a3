-- What IMPORT FOREIGN SCHEMA makes of types, parameters, answers and paths, rule by rule; the rules are in docs/import.md.
\getenv url DQ_URL
CREATE SERVER rules FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', openapi '/described/filters.json');
\t
\a
SELECT distquery.describe('rules');
ALTER SERVER rules OPTIONS (SET openapi '/described/pages.json');
SELECT distquery.describe('rules');
-- A server's own settings need not be said again.
ALTER SERVER rules OPTIONS (ADD size_param 'per_page', ADD page_size '100');
SELECT distquery.describe('rules', tables => '{link}');
ALTER SERVER rules OPTIONS (SET openapi '/described/filters.json', ADD dialect 'brackets');
SELECT line FROM regexp_split_to_table(distquery.describe('rules'), '\n') line WHERE line ~ '^    (weight|height|id) ';
-- The other protocol has no paths.
ALTER SERVER rules OPTIONS (DROP dialect, ADD protocol 'graphql');
SELECT distquery.describe('rules');
DROP SERVER rules;
