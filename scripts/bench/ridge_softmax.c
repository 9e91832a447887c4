/* The default policy for array contexts and a fixed set of actions, written for speed: two ridge models (numbers;
 * numbers and squares), of which the one with the smaller loss gives the scores of a softmax. `python -m bench kernels`
 * times the library beside it. Symbols and constants are those of docs/policies.md. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16 /* actions processed together in registers */
#define TINY 1e-300

typedef double Lanes __attribute__((vector_size(64))); /* half of the lanes */

typedef struct {
    int n, d, groups, entries, count;
    double *mean, *m2;          /* (n) */
    double *P, *theta, *theta1; /* (groups, entries | d, LANES) */
    double *x, *px, *weights;   /* (d), (d), (entries) */
    double reward, squares, loss;
} Model;

typedef struct {
    int actions;
    Model model[2];
    double *score, *sd;
} Policy;

static double *zeros(size_t count) {
    size_t bytes = (count * sizeof(double) + 63) / 64 * 64;
    return memset(aligned_alloc(64, bytes), 0, bytes);
}

static void model_init(Model *m, int n, int squares, int actions) {
    memset(m, 0, sizeof *m);
    m->n = n;
    m->d = 1 + (squares ? 2 * n : n);
    m->groups = (actions + LANES - 1) / LANES;
    m->entries = m->d * (m->d + 1) / 2;
    m->mean = zeros(n), m->m2 = zeros(n);
    m->P = zeros((size_t)m->groups * m->entries * LANES);
    m->theta = zeros((size_t)m->groups * m->d * LANES), m->theta1 = zeros((size_t)m->groups * m->d * LANES);
    m->x = zeros(m->d), m->px = zeros(m->d), m->weights = zeros(m->entries);
    m->reward = 0.5, m->squares = 0.25;
    for (int g = 0; g < m->groups; g++)
        for (int i = 0; i < m->d; i++)
            for (int lane = 0; lane < LANES; lane++)
                m->P[((size_t)g * m->entries + i * (i + 3) / 2) * LANES + lane] = 1.0;
}

static void model_free(Model *m) {
    free(m->mean), free(m->m2), free(m->P), free(m->theta), free(m->theta1), free(m->x), free(m->px), free(m->weights);
}

Policy *policy_new(int n, int actions) {
    Policy *p = malloc(sizeof *p);
    int padded = (actions + LANES - 1) / LANES * LANES;
    p->actions = actions;
    model_init(&p->model[0], n, 0, actions), model_init(&p->model[1], n, 1, actions);
    p->score = zeros(padded), p->sd = zeros(padded);
    return p;
}

void policy_free(Policy *p) {
    model_free(&p->model[0]), model_free(&p->model[1]);
    free(p->score), free(p->sd), free(p);
}

static void observe(Model *m, const double *x) {
    m->count++;
    for (int i = 0; i < m->n; i++) {
        double delta = x[i] - m->mean[i];
        m->mean[i] += delta / m->count;
        m->m2[i] += delta * (x[i] - m->mean[i]);
    }
}

static void encode(Model *m, const double *x) {
    double *z = m->x + 1, length = 0.0;
    int squares = m->d > 1 + m->n;
    m->x[0] = 1.0;
    for (int i = 0; i < m->n; i++) {
        double variance = m->count ? m->m2[i] / m->count : 0.0;
        double value = variance > 0.0 ? fmin(fmax((x[i] - m->mean[i]) / sqrt(variance), -3.0), 3.0) / 2.0 : 0.0;
        z[i] = value, length += value * value;
        if (squares) {
            double square = variance > 0.0 ? value * value - 0.25 : 0.0;
            z[m->n + i] = square, length += square * square;
        }
    }
    if (length > 8.0)
        for (int i = 1; i < m->d; i++) m->x[i] *= sqrt(8.0 / length);
}

static void scores(Model *m, double optimism, double *score, double *sd) {
    const int d = m->d, entries = m->entries;
    const double *restrict weights = m->weights, *restrict x = m->x;
    for (int i = 0, t = 0; i < d; i++)
        for (int j = 0; j <= i; j++, t++) m->weights[t] = x[i] * x[j] * (i == j ? 1.0 : 2.0);
    for (int g = 0; g < m->groups; g++) {
        Lanes even[2] = {0}, odd[2] = {0}, mean[2] = {0};
        const Lanes *restrict P = (const Lanes *)m->P + (size_t)g * entries * 2;
        const Lanes *restrict theta = (const Lanes *)m->theta + (size_t)g * d * 2;
        const Lanes *restrict theta1 = (const Lanes *)m->theta1 + (size_t)g * d * 2;
        int t = 0;
        for (; t + 1 < entries; t += 2) /* two independent sums, so that neither addition waits for the other */
            for (int h = 0; h < 2; h++) {
                even[h] += weights[t] * P[2 * t + h];
                odd[h] += weights[t + 1] * P[2 * t + 2 + h];
            }
        for (int h = 0; h < 2; h++) {
            if (t < entries) even[h] += weights[t] * P[2 * t + h];
            for (int i = 0; i < d; i++) mean[h] += x[i] * (theta[2 * i + h] - m->reward * theta1[2 * i + h]);
            for (int lane = 0; lane < LANES / 2; lane++) {
                int k = g * LANES + h * LANES / 2 + lane;
                sd[k] = sqrt(fmax(even[h][lane] + odd[h][lane], 0.0));
                score[k] = m->reward + mean[h][lane] + optimism * sd[k];
            }
        }
    }
}

/* Write pi of every action to `out`, with alpha = .75, v = .1, epsilon = .01 */
void policy_choose(Policy *p, const double *x, double *out) {
    Model *m = &p->model[p->model[1].loss < p->model[0].loss];
    double sigma = sqrt(m->squares / (1.0 + m->count)), total = 0.0;
    int best = 0;
    encode(m, x);
    scores(m, 1.5 * sigma, p->score, p->sd);
    for (int k = 1; k < p->actions; k++) best = p->score[k] > p->score[best] ? k : best;
    for (int k = 0; k < p->actions; k++) {
        double spread = sqrt(p->sd[k] * p->sd[k] + p->sd[best] * p->sd[best]);
        out[k] = exp((p->score[k] - p->score[best]) / (0.1 * sigma * spread + TINY));
        total += out[k];
    }
    for (int k = 0; k < p->actions; k++) out[k] = 0.99 * out[k] / total + 0.01 / p->actions;
}

static void model_learn(Model *m, const double *x, int action, double reward) {
    size_t g = action / LANES, lane = action % LANES;
    double *P = m->P + g * m->entries * LANES + lane;
    double *theta = m->theta + g * m->d * LANES + lane, *theta1 = m->theta1 + g * m->d * LANES + lane;
    double quadratic = 0.0, predicted = 0.0, predicted1 = 0.0;
    observe(m, x);
    encode(m, x);
    memset(m->px, 0, m->d * sizeof(double));
    for (int i = 0, t = 0; i < m->d; i++) {
        double sum = 0.0, value = m->x[i];
        for (int j = 0; j < i; j++, t++) {
            double entry = P[t * LANES];
            sum += entry * m->x[j];
            m->px[j] += entry * value;
        }
        m->px[i] += sum + P[t++ * LANES] * value;
        predicted += theta[i * LANES] * value, predicted1 += theta1[i * LANES] * value;
    }
    for (int i = 0; i < m->d; i++) quadratic += m->x[i] * m->px[i];
    double gain = 1.0 / (1.0 + quadratic), error = reward - m->reward - predicted + m->reward * predicted1;
    for (int i = 0, t = 0; i < m->d; i++) {
        double scaled = gain * m->px[i];
        for (int j = 0; j <= i; j++, t++) P[t * LANES] -= scaled * m->px[j];
        theta[i * LANES] += scaled * (reward - predicted), theta1[i * LANES] += scaled * (1.0 - predicted1);
    }
    m->squares += error * error / (1.0 + fmax(quadratic, 0.0));
    m->loss += error * error;
    m->reward += (reward - m->reward) / m->count;
}

void policy_learn(Policy *p, const double *x, int action, double reward) {
    model_learn(&p->model[0], x, action, reward), model_learn(&p->model[1], x, action, reward);
}

/* `events` rounds of choosing, drawing with u, and learning; `x` (events, n), `rewards` (events, actions). */
void policy_run(Policy *p, int events, const double *x, const double *u, const double *rewards, double *pi) {
    for (int t = 0; t < events; t++, x += p->model[0].n, rewards += p->actions) {
        double sum = 0.0;
        int k = 0;
        policy_choose(p, x, pi);
        for (sum = pi[0]; sum <= u[t] && k < p->actions - 1; sum += pi[++k]);
        policy_learn(p, x, k, rewards[k]);
    }
}
