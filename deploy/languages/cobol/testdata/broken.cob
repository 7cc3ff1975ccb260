       identification division.
       program-id. broken.
       procedure division.
           display undeclared
           stop run.
