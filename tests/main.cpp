// The one main of all test programs; compiled once, linked into each.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

namespace {

/// A filter that nothing passes, such as that of a file that was renamed, is no success.
struct count_of_run_cases : doctest::IReporter {
    static inline unsigned count = 0;

    explicit count_of_run_cases(const doctest::ContextOptions&) {}
    void test_run_end(const doctest::TestRunStats& s) override { count = s.numTestCasesPassingFilters; }
    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_case_start(const doctest::TestCaseData&) override {}
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override {}
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("count_of_run_cases", 1, count_of_run_cases);

} // namespace

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int failed = context.run();
    if (failed != 0 || context.shouldExit()) return failed;
    if (count_of_run_cases::count != 0) return 0;
    std::fputs("no test case has this name, or stands in this file\n", stderr);
    return 1;
}
