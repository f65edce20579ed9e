#include "tools/cli/options.hpp"

#include <evbus/error.hpp>
#include <evbus/version.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <numeric>

namespace cli {
namespace detail {

void refuse_range(const std::string& value, const std::string& least, const std::string& most) {
    throw evbus::error(evbus::errc::bad_option, {"", "'" + value + "'", "is not within " + least + " .. " + most});
}

void refuse_choice(const std::string& value, const std::string& choices) {
    throw evbus::error(evbus::errc::bad_option, {"", "'" + value + "'", "is none of " + choices});
}

} // namespace detail

struct command::parser {
    std::unique_ptr<CLI::App> own; ///< empty for a subcommand: its parent owns it
    CLI::App* app = nullptr;
    std::string name;
    std::vector<std::unique_ptr<command>> children;
};

namespace {

std::string describe(const std::string& name, const std::string& summary, const std::string& examples) {
    std::string text = name + ": " + summary + "\n";
    if (!examples.empty()) text += "\nExamples:\n" + examples;
    return text;
}

// A subcommand's description stands in its parent's list too and must be short; its examples, which the
// parser keeps as its footer, go before the flags all the same.
class examples_first : public CLI::Formatter {
    std::string make_description(const CLI::App* app) const override {
        if (app->get_parent() == nullptr) return CLI::Formatter::make_description(app);
        return describe(app->get_parent()->get_name() + " " + app->get_name(), app->get_description(), app->get_footer()) + "\n";
    }
    std::string make_footer(const CLI::App*) const override { return {}; }
};

void prepare(CLI::App& app) {
    app.formatter(std::make_shared<examples_first>());
    app.set_help_flag("-h,--help", "show this and exit");
    app.get_formatter()->column_width(34);
    app.get_formatter()->label("REQUIRED", "");
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

// What the parser calls when it found a value; a refusal is told under the name of the flag.
CLI::Option* add(CLI::App& app, const std::string& names, const std::string& help,
                 std::function<void(const std::string&)> take) {
    const std::string shown = names.substr(names.rfind(',') + 1);
    return app.add_option_function<std::string>(
        names,
        [take = std::move(take), shown](const std::string& value) {
            try {
                take(value);
            } catch (const evbus::error& e) {
                throw CLI::ValidationError(shown, e.what());
            }
        },
        help);
}

std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

// " (did you mean --follow?)" for a flag of the command that differs in two letters at most.
std::string near_miss(const CLI::App& app, const std::string& wrong) {
    std::string best;
    std::size_t best_distance = 3;
    for (const CLI::Option* option : app.get_options())
        for (const std::string& name : option->get_lnames()) {
            const std::size_t d = distance(wrong.substr(0, wrong.find('=')), "--" + name);
            if (d < best_distance) {
                best_distance = d;
                best = name;
            }
        }
    return best.empty() ? std::string{} : " (did you mean --" + best + "?)";
}

// "'inof' is no command (did you mean info?)", or which there are.
std::string command_wanted(const CLI::App& app) {
    const std::vector<std::string> rest = app.remaining(true);
    std::string all, best;
    std::size_t best_distance = 3;
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
        all += (all.empty() ? "" : ", ") + sub->get_name();
        const std::size_t d = rest.empty() ? best_distance : distance(rest.front(), sub->get_name());
        if (d >= best_distance) continue;
        best_distance = d;
        best = sub->get_name();
    }
    if (rest.empty()) return "no command was given; there are " + all;
    if (rest.front().starts_with('-')) return "unknown flag " + rest.front() + near_miss(app, rest.front());
    return "'" + rest.front() + "' is no command" + (best.empty() ? "; there are " + all : " (did you mean " + best + "?)");
}

std::string explain(const CLI::App& app, const CLI::ParseError& e) {
    std::string text = e.what();
    const auto is_any = [](const CLI::App*) { return true; };
    if (dynamic_cast<const CLI::RequiredError*>(&e) != nullptr && app.get_subcommands().empty() && !app.get_subcommands(is_any).empty())
        return command_wanted(app);
    if (const auto* extra = dynamic_cast<const CLI::ExtrasError*>(&e)) {
        (void)extra;
        const std::vector<std::string> rest = app.remaining(true);
        if (!rest.empty() && rest.front().starts_with('-'))
            return "unknown flag " + rest.front() + near_miss(app, rest.front());
        if (!rest.empty()) return "unexpected argument '" + rest.front() + "'";
    }
    return text;
}

} // namespace

command::command(std::string name, std::string summary, std::string examples) : parser_(std::make_unique<parser>()) {
    parser_->own = std::make_unique<CLI::App>(describe(name, summary, examples), name);
    parser_->app = parser_->own.get();
    parser_->name = std::move(name);
    prepare(*parser_->app);
    parser_->app->set_version_flag("--version", parser_->name + " " + evbus::library_version,
                                   "show the version and exit");
}

command::command(std::unique_ptr<parser> p) : parser_(std::move(p)) {}
command::~command() = default;

const std::string& command::name() const { return parser_->name; }
bool command::chosen() const { return parser_->app->parsed(); }

command& command::flag(const std::string& names, bool& target, const std::string& help) {
    parser_->app->add_flag(names, target, help);
    return *this;
}

command& command::flag(const std::string& names, std::optional<bool>& target, const std::string& help) {
    parser_->app->add_flag_callback(names, [&target] { target = true; }, help);
    return *this;
}

command& command::no_flag(const std::string& names, bool& target, const std::string& help) {
    parser_->app->add_flag_callback(names, [&target] { target = false; }, help);
    return *this;
}

command& command::option(const std::string& names, const std::string& metavar, const std::string& help,
                         std::function<void(const std::string&)> take) {
    add(*parser_->app, names, help, std::move(take))->type_name(metavar);
    return *this;
}

command& command::texts(const std::string& names, std::vector<std::string>& target, const std::string& metavar,
                        const std::string& help) {
    parser_->app->add_option(names, target, help)
        ->type_name(metavar)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
    return *this;
}

command& command::positional(const std::string& metavar, std::string& target, const std::string& help, bool required) {
    parser_->app->add_option(metavar, target, help)->required(required)->type_name("");
    return *this;
}

command& command::positionals(const std::string& metavar, std::vector<std::string>& target, const std::string& help,
                              bool required) {
    parser_->app->add_option(metavar, target, help)
        ->required(required)
        ->type_name("")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return *this;
}

command& command::config(const std::string& names) {
    parser_->app->set_config(names, "", "read flags from this file (TOML)")->type_name("FILE");
    parser_->app->allow_config_extras(CLI::config_extras_mode::error);
    return *this;
}

command& command::subcommand(const std::string& name, const std::string& summary, const std::string& examples) {
    auto p = std::make_unique<parser>();
    p->name = parser_->name + " " + name;
    p->app = parser_->app->add_subcommand(name, summary);
    prepare(*p->app);
    if (!examples.empty()) p->app->footer(examples);
    parser_->app->require_subcommand(1);
    parser_->children.push_back(std::unique_ptr<command>(new command(std::move(p))));
    return *parser_->children.back();
}

std::optional<int> command::parse(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
    CLI::App& app = *parser_->app;
    try {
        app.parse(argc, const_cast<char**>(argv));
        return std::nullopt;
    } catch (const CLI::CallForHelp&) {
        out << app.help();
        return exit_fine;
    } catch (const CLI::CallForVersion& e) {
        out << e.what() << '\n';
        return exit_fine;
    } catch (const CLI::ParseError& e) {
        const CLI::App* at = &app;
        for (const CLI::App* sub : app.get_subcommands()) at = sub;
        err << parser_->name << ": " << explain(*at, e) << "; see " << parser_->name << " --help\n";
        return exit_failed;
    }
}

std::optional<int> command::parse(int argc, const char* const* argv) { return parse(argc, argv, std::cout, std::cerr); }

} // namespace cli
