// The Java SDK: registers definitions, starts an execution, and does one of its steps, against the server of
// CONDUCTOR_SERVER_URL. Prints one JSON document.

import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.conductor.client.automator.TaskRunnerConfigurer;
import com.netflix.conductor.client.http.ConductorClient;
import com.netflix.conductor.client.http.MetadataClient;
import com.netflix.conductor.client.http.TaskClient;
import com.netflix.conductor.client.http.WorkflowClient;
import com.netflix.conductor.client.worker.Worker;
import com.netflix.conductor.common.metadata.tasks.Task;
import com.netflix.conductor.common.metadata.tasks.TaskDef;
import com.netflix.conductor.common.metadata.tasks.TaskResult;
import com.netflix.conductor.common.metadata.workflow.StartWorkflowRequest;
import com.netflix.conductor.common.metadata.workflow.WorkflowDef;
import com.netflix.conductor.common.metadata.workflow.WorkflowTask;
import com.netflix.conductor.common.run.Workflow;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

public class JavaWorker {
    static class Greet implements Worker {
        public String getTaskDefName() {
            return "greet_in_java";
        }

        public int getPollingInterval() {
            return 20;
        }

        public TaskResult execute(Task task) {
            if (task.getRetryCount() == 0) {
                throw new IllegalStateException("not at the first try");
            }
            TaskResult result = new TaskResult(task);
            result.log("greeted");
            result.addOutputData("result", "Hello " + task.getInputData().get("name"));
            result.setStatus(TaskResult.Status.COMPLETED);
            return result;
        }
    }

    public static void main(String[] given) throws Exception {
        ConductorClient client = new ConductorClient(System.getenv("CONDUCTOR_SERVER_URL"));
        MetadataClient metadata = new MetadataClient(client);
        TaskClient tasks = new TaskClient(client);
        WorkflowClient workflows = new WorkflowClient(client);

        TaskDef retried = new TaskDef("greet_in_java");
        retried.setOwnerEmail("java@example.com");
        retried.setRetryCount(1);
        retried.setRetryDelaySeconds(0);
        metadata.registerTaskDefs(List.of(retried));

        WorkflowTask greet = new WorkflowTask();
        greet.setName("greet_in_java");
        greet.setTaskReferenceName("greet");
        greet.setInputParameters(Map.of("name", "${workflow.input.name}"));
        WorkflowDef hello = new WorkflowDef();
        hello.setName("hello_java");
        hello.setVersion(1);
        hello.setOwnerEmail("java@example.com");
        hello.setTasks(List.of(greet));
        hello.setOutputParameters(Map.of("said", "${greet.output.result}"));
        metadata.registerWorkflowDef(hello);

        TaskRunnerConfigurer runner =
                new TaskRunnerConfigurer.Builder(tasks, List.of(new Greet())).withThreadCount(1).build();
        runner.init();
        StartWorkflowRequest request = new StartWorkflowRequest();
        request.setName("hello_java");
        request.setVersion(1);
        request.setInput(Map.of("name", "Java"));
        String id = workflows.startWorkflow(request);
        Workflow found = workflows.getWorkflow(id, true);
        long deadline = System.currentTimeMillis() + 60_000;
        while (!found.getStatus().isTerminal() && System.currentTimeMillis() < deadline) {
            Thread.sleep(50);
            found = workflows.getWorkflow(id, true);
        }
        runner.shutdown();

        Map<String, Object> said = new LinkedHashMap<>();
        said.put("status", found.getStatus().name());
        said.put("output", found.getOutput());
        said.put("attempts", found.getTasks().stream().map(task -> task.getStatus().name()).toList());
        said.put("log", tasks.getTaskLogs(found.getTasks().get(1).getTaskId()).get(0).getLog());
        said.put("definition", metadata.getWorkflowDef("hello_java", 1).getName());
        System.out.println(new ObjectMapper().writeValueAsString(said));
        System.exit(0);
    }
}
