SELECT n FROM nowhere;
