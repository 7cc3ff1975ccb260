#include <iostream>
#include <string>
#include <vector>

int main() {
    std::vector<char> held(40 << 20, 1);
    for (int i = 0; i < 300; i++)
        std::cout << std::string(1023, 'x') << '\n';
    return held[4096] - 1;
}
