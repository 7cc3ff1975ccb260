#include "parts/greeting.hpp"

std::string greet(const std::string &name) { return "hello " + name; }
