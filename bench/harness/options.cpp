#include "options.hpp"

#include "machine.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace bench {
namespace {

[[noreturn]] void leave(int code, const std::string& why) {
    std::fprintf(
        code == 0 ? stdout : stderr,
        "%s%susage: [--rounds N] [--only NAME]... [--tolerance PERCENT] [--json[=FILE]] [--csv FILE] [--dir DIR]\n"
        "       [--precedence] [--quick]\n"
        "  --only NAME     run the experiments whose names begin so; may be given several times\n"
        "  --json[=FILE]   the figures as JSON: instead of the table, or into FILE beside it\n"
        "  --csv FILE      each figure of each window, for plots (bench/plot.sh)\n"
        "  --dir DIR       where log_bench writes (default: the working directory)\n"
        "  --precedence    run before all other work of the machine (needs CAP_SYS_NICE)\n"
        "  --quick         tiny sizes, to see that all works; the figures mean nothing\n",
        why.c_str(), why.empty() ? "" : "\n");
    std::exit(code);
}

int number(std::string_view flag, std::string_view text, int least, int most) {
    int value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc{} || end != text.data() + text.size() || value < least || value > most)
        leave(2, std::string(flag) + ": '" + std::string(text) + "' is not a number from " + std::to_string(least) +
                     " to " + std::to_string(most));
    return value;
}

} // namespace

bool options::wants(const std::string& experiment) const {
    for (const std::string& name : only)
        if (experiment.starts_with(name)) return true;
    return only.empty();
}

options parse_options(int argc, char** argv) {
    options o;
    for (int i = 1; i < argc; ++i) {
        std::string flag = argv[i];
        std::optional<std::string> value;
        if (const std::size_t equals = flag.find('='); equals != std::string::npos) {
            value = flag.substr(equals + 1);
            flag.resize(equals);
        }
        const auto take = [&] {
            if (!value && ++i == argc) leave(2, flag + " needs a value");
            return value ? *value : std::string(argv[i]);
        };
        if (flag == "--rounds")
            o.rounds = number(flag, take(), 1, 1000);
        else if (flag == "--tolerance")
            o.tolerance = number(flag, take(), 1, 1000) / 100.0;
        else if (flag == "--only")
            o.only.push_back(take());
        else if (flag == "--dir")
            o.dir = take();
        else if (flag == "--csv")
            o.csv = take();
        else if (flag == "--quick")
            o.quick = true;
        else if (flag == "--precedence")
            o.precedence = true;
        else if (flag == "--json" && value)
            o.file = *value;
        else if (flag == "--json")
            o.json = true;
        else if (flag == "--help" || flag == "-h")
            leave(0, "");
        else
            leave(2, "no flag '" + flag + "'");
    }
    if (o.quick) o.rounds = 1;
    if (o.quick) be_polite();
    return o;
}

} // namespace bench
