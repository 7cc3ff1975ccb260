       identification division.
       program-id. idiom.
       data division.
       working-storage section.
       01 prices.
           05 price pic 9(3)v99 occurs 3 times.
       01 total pic zz9.99.
       01 i pic 9.
       procedure division.
           move 3.10 to price(1) move 1.20 to price(2)
           move 2.00 to price(3)
           sort price descending
           compute total rounded = price(1) + price(2) + price(3)
           evaluate true
               when price(1) > price(3) display "sorted " total
               when other display "not sorted"
           end-evaluate
           stop run.
