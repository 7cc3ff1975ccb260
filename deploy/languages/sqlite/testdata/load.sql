CREATE TABLE held AS SELECT randomblob(40 << 20) AS bytes;
SELECT printf('%01023d', 0) FROM generate_series(1, 300);
