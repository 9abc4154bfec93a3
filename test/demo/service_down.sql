-- The stock service has been stopped.
\set QUIET on
\pset pager off
\echo
\echo '== 5. A service is down: the query says which, and what was tried'
\echo
\set ECHO queries

SELECT c.name, o.id, s.title
  FROM customers c JOIN orders o ON o.customer_id = c.id JOIN stock s ON s.id = o.product_id
 WHERE c.id = 7;

\echo '-- What does not need it goes on working.'
SELECT name, city FROM customers WHERE id = 7;
