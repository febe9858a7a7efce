/* select_test: choosing one binding of a set. */
#include "binding/test_folder.h"

#include "binding/servicebinding.h"

struct fixture {
        struct folder folder;
        struct servicebinding_set *set;
};

static int set_up(void **state)
{
        static struct fixture fixture;
        const struct folder *f = &fixture.folder;
        folder_init(&fixture.folder);
        folder_put(f, "alpha/type", "Redis\n");
        folder_put(f, "alpha/provider", "Bitnami \n");
        folder_put(f, "beta/type", "REDIS");
        folder_put(f, "gamma/type", "collector");
        folder_put(f, "delta/type", "valkey");
        folder_put(f, "delta/provider", "aiven");
        folder_put(f, "broken/type", "kafka");
        folder_put(f, "broken/password", "vault://team/kafka");
        assert_int_equal(servicebinding_load(f->root, &fixture.set, NULL), 0);
        *state = &fixture;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *fixture = *state;
        servicebinding_set_unref(fixture->set);
        folder_fini(&fixture->folder);
        return 0;
}

static void expect(void **state, const char *name, const char *type, const char *provider, const char *found)
{
        struct fixture *fixture = *state;
        const struct servicebinding *b = NULL;
        assert_int_equal(servicebinding_find(fixture->set, name, type, provider, &b, NULL), 0);
        assert_string_equal(servicebinding_name(b), found);
}

static void expect_error(void **state, const char *name, const char *type, const char *provider, int code,
                         const char *part)
{
        struct fixture *fixture = *state;
        struct servicebinding_error err;
        const struct servicebinding *b = NULL;
        assert_int_equal(servicebinding_find(fixture->set, name, type, provider, &b, &err), code);
        assert_int_equal(err.code, code);
        if (!strstr(err.text, part))
                fail_msg("\"%s\" lacks \"%s\"", err.text, part);
        assert_null(b);
}

static void a_name_chooses_one_binding(void **state)
{
        expect(state, "beta", NULL, NULL, "beta");
        expect(state, "beta", "redis", NULL, "beta");
        expect(state, "alpha", "redis", "bitnami", "alpha");
        expect_error(state, "zeta", NULL, NULL, SERVICEBINDING_NOT_FOUND, "no binding named zeta in /tmp/");
        expect_error(state, "Beta", NULL, NULL, SERVICEBINDING_NOT_FOUND, "no binding named Beta");
}

static void the_error_for_a_named_binding_of_another_type_or_provider_says_so(void **state)
{
        expect_error(state, "gamma", "redis", NULL, SERVICEBINDING_INVALID,
                     "gamma is of type collector, not of type redis");
        expect_error(state, "alpha", "redis", "aiven", SERVICEBINDING_INVALID, "from provider Bitnami, not from aiven");
        expect_error(state, "beta", NULL, "aiven", SERVICEBINDING_INVALID, "from provider (none), not from aiven");
}

static void a_type_in_any_letter_case_chooses_the_only_binding_that_has_it(void **state)
{
        expect(state, NULL, "Collector", NULL, "gamma");
        expect(state, NULL, "VALKEY", NULL, "delta");
        expect_error(state, NULL, "mysql", NULL, SERVICEBINDING_NOT_FOUND, "no binding of type mysql in /tmp/");
}

static void several_of_one_type_are_an_error_that_lists_them(void **state)
{
        expect_error(state, NULL, "redis", NULL, SERVICEBINDING_AMBIGUOUS,
                     "2 bindings of type redis: alpha, beta; name one of them");
        expect_error(state, NULL, NULL, NULL, SERVICEBINDING_AMBIGUOUS,
                     "5 bindings: alpha, beta, broken, delta, gamma;");
}

static void a_provider_narrows_the_choice(void **state)
{
        expect(state, NULL, "redis", "BITNAMI", "alpha");
        expect(state, NULL, NULL, "aiven", "delta");
        expect_error(state, NULL, "redis", "aiven", SERVICEBINDING_NOT_FOUND, "of type redis from provider aiven");
}

static void several_types_may_be_acceptable(void **state)
{
        static const char *const types[] = { "redis", "valkey", NULL };
        static const char *const rare[] = { "mysql", "valkey", NULL };
        struct fixture *fixture = *state;
        struct servicebinding_error err;
        const struct servicebinding *b = NULL;
        assert_int_equal(servicebinding_find_types(fixture->set, NULL, rare, NULL, &b, &err), 0);
        assert_string_equal(servicebinding_name(b), "delta");
        assert_int_equal(servicebinding_find_types(fixture->set, "delta", types, NULL, &b, &err), 0);
        assert_int_equal(servicebinding_find_types(fixture->set, NULL, types, "bitnami", &b, &err), 0);
        assert_string_equal(servicebinding_name(b), "alpha");
        assert_int_equal(servicebinding_find_types(fixture->set, NULL, types, NULL, &b, &err),
                         SERVICEBINDING_AMBIGUOUS);
        assert_string_equal(err.text, "3 bindings of type redis or valkey: alpha, beta, delta; name one of them");
        assert_string_equal(servicebinding_name(b), "alpha");
}

static void choosing_a_binding_with_a_problem_returns_the_problem(void **state)
{
        expect_error(state, "broken", NULL, NULL, SERVICEBINDING_UNSUPPORTED, "broken/password: refers to");
        expect_error(state, NULL, "kafka", NULL, SERVICEBINDING_UNSUPPORTED, "broken/password: refers to");
        expect_error(state, NULL, "kafka", "apache", SERVICEBINDING_UNSUPPORTED, "broken/password: refers to");
        expect_error(state, "broken", "redis", NULL, SERVICEBINDING_INVALID, "is of type kafka, not of type redis");
}

static void without_a_root_the_error_names_the_variable(void **state)
{
        (void)state;
        struct servicebinding_error err;
        struct servicebinding_set *set;
        const struct servicebinding *b;
        assert_int_equal(unsetenv("SERVICE_BINDING_ROOT"), 0);
        assert_int_equal(servicebinding_load(NULL, &set, &err), 0);
        assert_int_equal(servicebinding_find(set, NULL, "redis", NULL, &b, &err), SERVICEBINDING_NOT_FOUND);
        assert_non_null(strstr(err.text, "SERVICE_BINDING_ROOT is not set"));
        servicebinding_set_unref(set);
}

static void a_long_list_is_truncated_with_dots(void **state)
{
        (void)state;
        struct folder f;
        struct servicebinding_error err;
        struct servicebinding_set *set;
        const struct servicebinding *b;
        folder_init(&f);
        for (int i = 0; i < 60; i++) {
                char name[64];
                (void)snprintf(name, sizeof(name), "binding-number-%02d/type", i); /* fits */
                folder_put(&f, name, "redis");
        }
        assert_int_equal(servicebinding_load(f.root, &set, &err), 0);
        assert_int_equal(servicebinding_find(set, NULL, "redis", NULL, &b, &err), SERVICEBINDING_AMBIGUOUS);
        assert_non_null(strstr(err.text, "60 bindings of type redis: binding-number-00, "));
        assert_non_null(strstr(err.text, ", ...; name one of them"));
        servicebinding_set_unref(set);
        folder_fini(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_chooses_one_binding),
                cmocka_unit_test(the_error_for_a_named_binding_of_another_type_or_provider_says_so),
                cmocka_unit_test(a_type_in_any_letter_case_chooses_the_only_binding_that_has_it),
                cmocka_unit_test(several_of_one_type_are_an_error_that_lists_them),
                cmocka_unit_test(a_provider_narrows_the_choice),
                cmocka_unit_test(several_types_may_be_acceptable),
                cmocka_unit_test(choosing_a_binding_with_a_problem_returns_the_problem),
                cmocka_unit_test(without_a_root_the_error_names_the_variable),
                cmocka_unit_test(a_long_list_is_truncated_with_dots),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
