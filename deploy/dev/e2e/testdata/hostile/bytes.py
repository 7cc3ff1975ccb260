# What is no text: NUL, half characters, surrogates, and the newlines of others.
import os

os.write(1, b"a\x00b\xff\xfe\r\n\xed\xa0\x80\xe2\x82\n\\n\x1b[2J\x85\xc2\x85\xe2\x80\xa8end")
