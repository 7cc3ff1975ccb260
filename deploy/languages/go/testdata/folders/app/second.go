package main

const second = "from two files"
