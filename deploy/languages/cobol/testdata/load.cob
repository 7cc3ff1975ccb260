       identification division.
       program-id. load.
       data division.
       working-storage section.
       01 held-bytes.
           05 held pic x(1048576) occurs 40 times.
       01 line-out pic x(1023) value all "x".
       01 i pic 999.
       procedure division.
           perform varying i from 1 by 1 until i > 40
               move all "y" to held(i)
           end-perform
           perform 300 times
               display line-out
           end-perform
           stop run.
