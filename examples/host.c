#include <neap.h>
#include <stdio.h>

int main(void)
{
    neap_error err = NEAP_ERROR_INIT;
    neap_graph *g = neap_graph_new(&err);
    neap_node *x = neap_placeholder(g, NEAP_FLOAT32, 1, (int64_t[]){2}, "x", &err);
    float a[] = {1, 0, 0, -1}, b[] = {1, 1}, in[] = {1, 2};
    neap_tensor *ta = neap_tensor_copy(NEAP_FLOAT32, 2, (int64_t[]){2, 2}, a, &err);
    neap_tensor *tb = neap_tensor_copy(NEAP_FLOAT32, 1, (int64_t[]){2}, b, &err);
    neap_node *y = neap_matmul(g, neap_variable(g, ta, "A", &err), x, &err);
    neap_node *z = neap_add(g, y, neap_variable(g, tb, "b", &err), &err);

    neap_session *s = neap_session_new(g, NULL, &err);
    neap_tensor *tx = neap_tensor_wrap(NEAP_FLOAT32, 1, (int64_t[]){2}, in, NULL, NULL, &err);
    neap_feed feed = {x, tx};
    neap_tensor *out = NULL;
    if (neap_session_run(s, &feed, 1, &z, 1, &out, &err) != NEAP_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const float *v = neap_tensor_data(out);
    printf("%g %g\n", v[0], v[1]);          /* 2 -1 */
    neap_tensor_release(out);
    neap_tensor_release(tx);
    neap_tensor_release(tb);
    neap_tensor_release(ta);
    neap_session_free(s);
    neap_graph_free(g);
    return 0;
}
