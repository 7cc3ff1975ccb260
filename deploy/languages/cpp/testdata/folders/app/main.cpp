#include <fstream>
#include <iostream>

#include "parts/greeting.hpp"

int main() {
    std::string name;
    std::ifstream("data/name.txt") >> name;
    std::cout << greet(name) << '\n';
}
