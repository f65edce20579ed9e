#include "daemon.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace bench::stores {

daemon::daemon(const std::vector<std::string>& command) : maker_(::getpid()), pid_(::fork()) {
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int output : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(::open("/dev/null", O_WRONLY), output);
    std::vector<char*> words;
    for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execv(words[0], words.data());
    ::_exit(127);
}

daemon::~daemon() {
    if (maker_ != ::getpid() || pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
}

void daemon::check_alive(const std::string& what) {
    if (::waitpid(pid_, nullptr, WNOHANG) == 0) return;
    pid_ = 0;
    throw std::runtime_error(what + " ended as soon as it was started");
}

std::string find_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream places(std::string(path != nullptr ? path : "") + ":/usr/local/sbin:/usr/sbin:/sbin");
    for (std::string place; std::getline(places, place, ':');)
        if (::access((place + "/" + name).c_str(), X_OK) == 0) return place + "/" + name;
    return {};
}

std::string version_of(const std::string& name) {
    FILE* out = ::popen((find_program(name) + " --version 2>/dev/null").c_str(), "r");
    if (out == nullptr) return {};
    char line[256] = {};
    const std::string said = std::fgets(line, sizeof line, out) != nullptr ? line : "";
    ::pclose(out);
    const std::size_t begin = said.find_first_of("0123456789");
    return begin == std::string::npos ? std::string() : said.substr(begin, said.find_first_not_of("0123456789.", begin) - begin);
}

} // namespace bench::stores
