#include <cstdlib>
#include <iostream>
#include <string>

int main(int argc, char **argv) {
    std::cout << "version " << __GNUC__ << "\nargs ";
    for (int i = 1; i < argc; i++)
        std::cout << (i > 1 ? "|" : "") << argv[i];
    std::cout << "\nenv " << std::getenv("GREETING") << '\n';
    std::string line;
    std::getline(std::cin, line);
    std::getline(std::cin, line);
    std::cout << "stdin " << line << "\n日本語 🐘\n";
    std::cerr << "to stderr\n";
    return 3;
}
