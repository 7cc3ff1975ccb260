SELECT 'version ' || substr(sqlite_version(), 1, 4);
CREATE TABLE lines (line TEXT);
.mode list
.import /dev/stdin lines
SELECT 'stdin ' || line FROM lines WHERE rowid = 2;
SELECT '日本語 🐘';
.exit 3
