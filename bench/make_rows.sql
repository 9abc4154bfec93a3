-- The same rows as CSV and as one JSON array with a row a line.
SET timezone = 'UTC';
CREATE TEMP TABLE made AS
    SELECT n AS id, (n * 7919 % 100000)::int AS customer_id, 'customer number ' || lpad(n::text, 9, '0') || ' of many' AS name,
           (n % 100000 + (n % 100) * 0.01)::numeric(10, 2) AS amount,
           timestamptz '2026-01-01' + n * interval '1.001 seconds' AS created_at, n % 3 = 0 AS is_open
      FROM generate_series(1::bigint, :rows) AS n;
COPY made TO :'csv' WITH (FORMAT csv);
COPY (SELECT CASE id WHEN 1 THEN '[' ELSE ',' END || row_to_json(made) || CASE id WHEN :rows THEN ']' ELSE '' END FROM made) TO :'json';
