       identification division.
       program-id. tour.
       data division.
       working-storage section.
       01 word pic x(40).
       01 second-word pic x(40).
       01 line-in pic x(40).
       procedure division.
           accept word from argument-value
           accept second-word from argument-value
           display "args " function trim(word)
               "|" function trim(second-word)
           accept word from environment "GREETING"
           display "env " function trim(word)
           accept line-in
           accept line-in
           display "stdin " function trim(line-in)
           display "日本語 🐘"
           display "to stderr" upon syserr
           move 3 to return-code
           stop run.
