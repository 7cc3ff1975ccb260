CREATE TABLE score (name TEXT PRIMARY KEY, points INTEGER) STRICT;
INSERT INTO score VALUES ('ann', 1), ('bob', 3) ON CONFLICT DO NOTHING;
INSERT INTO score VALUES ('ann', 2) ON CONFLICT DO UPDATE SET points = points + excluded.points RETURNING points;
SELECT name, sum(points) OVER (ORDER BY name), json_object('n', points) ->> '$.n' FROM score;
