-- The same tables as of the cache in shared memory, their answers in databases of Redis and in memcached.
CREATE SERVER in_redis FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', strategy 'cache', ttl '1h', cache_store 'redis', cache_url :'redis');
CREATE SERVER in_memcached FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', strategy 'cache', ttl '1h', cache_store 'memcached', cache_url :'memcached');
CREATE FOREIGN TABLE redis_thousand (id int OPTIONS (key 'true'), sku text, title text, price numeric, in_stock int)
    SERVER in_redis OPTIONS (path '/data/plain/products?limit=1000', cache_url :'redis_0');
CREATE FOREIGN TABLE redis_one (id int OPTIONS (key 'true'), title text) SERVER in_redis
    OPTIONS (path '/data/plain/products', lookup_path '/data/plain/products/{id}', cache_url :'redis_1');
CREATE FOREIGN TABLE redis_keys (id int OPTIONS (key 'true', filter '= in'), title text) SERVER in_redis
    OPTIONS (path '/data/postgrest/products', dialect 'postgrest', cache_url :'redis_2');
CREATE FOREIGN TABLE redis_half (id int OPTIONS (key 'true', filter '= in'), title text) SERVER in_redis
    OPTIONS (path '/data/postgrest/products', dialect 'postgrest', cache_url :'redis_3');
CREATE FOREIGN TABLE memcached_thousand (id int OPTIONS (key 'true'), sku text, title text, price numeric, in_stock int)
    SERVER in_memcached OPTIONS (path '/data/plain/products?limit=1000');
CREATE FOREIGN TABLE memcached_one (id int OPTIONS (key 'true'), title text) SERVER in_memcached
    OPTIONS (path '/data/plain/products', lookup_path '/data/plain/products/{id}');
CREATE FOREIGN TABLE memcached_keys (id int OPTIONS (key 'true', filter '= in'), title text) SERVER in_memcached
    OPTIONS (path '/data/postgrest/products', dialect 'postgrest');
CREATE FOREIGN TABLE shared_thousand (id int OPTIONS (key 'true'), sku text, title text, price numeric, in_stock int)
    SERVER in_redis OPTIONS (path '/data/plain/products?limit=1000', cache_store 'shared');
CREATE FOREIGN TABLE shared_one (id int OPTIONS (key 'true'), title text) SERVER in_redis
    OPTIONS (path '/data/plain/products', lookup_path '/data/plain/products/{id}', cache_store 'shared');
CREATE FOREIGN TABLE shared_keys (id int OPTIONS (key 'true', filter '= in'), title text) SERVER in_redis
    OPTIONS (path '/data/postgrest/products', dialect 'postgrest', cache_store 'shared');

-- One line a way: its name and the ms of the fastest of some runs.
SELECT kind || '_thousand ' || round(bench.fastest_ms(format('SELECT count(id), max(title) FROM %s_thousand', kind), 200), 4)
  FROM unnest('{redis,memcached,shared}'::text[]) kind;
SELECT kind || '_one ' || round(bench.fastest_ms(format('SELECT title FROM %s_one WHERE id = 17', kind), 500), 4) FROM unnest('{redis,memcached,shared}'::text[]) kind;
SELECT kind || '_keys ' || round(bench.fastest_ms(format('SELECT count(title) FROM %s_keys WHERE id = ANY (ARRAY(SELECT generate_series(1, 64)))', kind), 200), 4)
  FROM unnest('{redis,memcached,shared}'::text[]) kind;
