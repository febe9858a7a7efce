/* reading: each reading of the settings has its own memory, so that the old settings stay valid until the new ones are
 * in use. */
#include "service/reading.h"

#include <stdlib.h>

int reading_settings(struct service_reading *reading, const struct service_program *program,
                     const struct config_source *arguments, struct err *err)
{
        *reading = (struct service_reading){ .settings = calloc(1, program->settings_size) };
        if (!reading->settings)
                return err_set(err, ERR_NOMEM, "settings");
        return config_read(program->config, arguments, reading->settings, &reading->report, err);
}

int reading_inputs(struct service_reading *reading, const struct service_program *program,
                   const struct config_source *arguments, struct err *err)
{
        const struct service_inputs *inputs = &program->inputs;
        if (!inputs->init)
                return 0;
        reading->inputs = calloc(1, inputs->size);
        if (!reading->inputs)
                return err_set(err, ERR_NOMEM, "settings");
        return inputs->init(reading->inputs, reading->settings, reading->report, arguments->environment, err);
}

const struct service_settings *reading_common(const struct service_reading *reading,
                                              const struct service_program *program)
{
        return (const void *)((const char *)reading->settings + program->settings_at);
}

void reading_fini(struct service_reading *reading, const struct service_program *program)
{
        if (reading->inputs && program->inputs.fini)
                program->inputs.fini(reading->inputs);
        free(reading->inputs);
        config_report_free(reading->report);
        if (reading->settings)
                config_free(program->config, reading->settings);
        free(reading->settings);
        *reading = (struct service_reading){ 0 };
}
