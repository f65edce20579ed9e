#include "tools/cli/exit_codes.hpp"
#include "tools/evctl/commands.hpp"
#include "tools/evctl/doctor/check_bus.hpp"
#include "tools/evctl/doctor/check_machine.hpp"
#include "tools/evctl/doctor/report.hpp"
#include "tools/evctl/doctor/treatment.hpp"

#include <evbus/log/log_dir.hpp>

#include <algorithm>
#include <chrono>

namespace evctl {
namespace {

using namespace doctor;

void add(findings& all, findings some) {
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
}

findings resting_log(const std::string& bus) {
    const std::optional<std::string> dir = evbus::log::find_log_dir(evbus::log::posix(), bus);
    return dir ? check_resting_log(bus, look_at_log(*dir, {})) : findings{};
}

findings one_bus(const std::string& name, const judgement& how) {
    const bus_facts facts = look_at_bus(name);
    judgement now = how;
    now.now_ns = std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
    findings out = check_bus(facts, now);
    if (!facts.ring) add(out, resting_log(name));
    if (how.asked && !facts.ring && facts.ctls.empty() && out.empty())
        throw evbus::error(evbus::errc::not_found, {"examine bus " + name, "", "there is no ring, control object or log of that name",
                                                    "evctl list shows what is there"});
    return out;
}

findings all_buses(const judgement& how) {
    findings out;
    std::vector<object_facts> strangers;
    const std::vector<std::string> names = names_in_shm(strangers);
    for (const std::string& name : names) add(out, one_bus(name, how));
    for (const object_facts& s : strangers) out.push_back(check_stranger(s));
    for (const std::string& name : logs_in_usual_places())
        if (!std::binary_search(names.begin(), names.end(), name)) add(out, resting_log(name));
    return out;
}

std::string summary(const findings& all, bool fix) {
    const auto count = [&](severity level, const char* word) {
        const std::size_t n = count_left(all, level);
        return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
    };
    const auto done = std::count_if(all.begin(), all.end(), [](const finding& f) { return !f.fixed.empty(); });
    const auto could = std::count_if(all.begin(), all.end(), [](const finding& f) { return f.fix != cure::none; });
    std::string text = count(severity::problem, "problem") + ", " + count(severity::warning, "warning");
    if (fix) text += ", " + std::to_string(done) + " fixed";
    else if (could != 0) text += "; --fix mends " + std::to_string(could) + " of them";
    return text;
}

} // namespace

int examine(const std::string& bus, const doctor_options& how, const show_options& show, cli::output& out) {
    if (!bus.empty()) evbus::ring::check_bus_name(bus);
    const machine_facts machine = look_at_machine();
    judgement j;
    j.stale_after_ns = how.stale_after.count();
    j.asked = !bus.empty();
    j.clock = machine.clock;
    findings all = check_machine(machine);
    if (machine.shm.there) add(all, j.asked ? one_bus(bus, j) : all_buses(j));
    if (how.fix)
        for (finding& f : all) treat(f);
    sort_by_severity(all);
    out.buffer() += show.json ? report_json(all) : report_text(all, show.colour, cli::columns(STDOUT_FILENO));
    out.flush();
    if (!show.json) cli::say("evctl", summary(all, how.fix));
    return count_left(all, severity::problem) == 0 ? cli::exit_fine : cli::exit_damage;
}

} // namespace evctl
