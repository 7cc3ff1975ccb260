: version ( -- )  version-string drop 3 type ;
: 2type ( -- )  next-arg type ." |" next-arg type ;
: line ( -- addr u )  pad 80 stdin read-line throw drop pad swap ;

." version " version cr
." args " 2type cr
." env " s" GREETING" getenv type cr
line 2drop
." stdin " line type cr
." 日本語 🐘" cr
s" to stderr" stderr write-line throw
3 (bye)
