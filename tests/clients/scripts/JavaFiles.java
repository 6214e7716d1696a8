// The Java SDK's FileClient: puts files of an execution and reads them, against the server of CONDUCTOR_SERVER_URL.
// Prints one JSON document.

import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.conductor.client.http.ConductorClient;
import com.netflix.conductor.client.http.MetadataClient;
import com.netflix.conductor.client.http.WorkflowClient;
import com.netflix.conductor.common.metadata.workflow.StartWorkflowRequest;
import com.netflix.conductor.common.metadata.workflow.WorkflowDef;
import com.netflix.conductor.common.metadata.workflow.WorkflowTask;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.conductoross.conductor.client.FileClient;
import org.conductoross.conductor.client.model.file.FileMetadata;
import org.conductoross.conductor.sdk.file.FileUploadOptions;

public class JavaFiles {
    public static void main(String[] given) throws Exception {
        ConductorClient client = new ConductorClient(System.getenv("CONDUCTOR_SERVER_URL"));
        FileClient files = new FileClient(client);
        String owner = start(client);
        String stranger = start(client);
        Path folder = Files.createTempDirectory("files");
        byte[] content = new byte[5_000_000];
        for (int i = 0; i < content.length; i++) {
            content[i] = (byte) (i * 31);
        }
        Path source = Files.write(folder.resolve("report.bin"), content);

        String handle =
                files.upload(owner, source, new FileUploadOptions().setContentType("application/x-report"));
        String streamed = files.upload(
                owner,
                new ByteArrayInputStream("a stream".getBytes()),
                new FileUploadOptions().setFileName("note.txt").setTaskId("task-1"));
        FileMetadata told = files.getMetadata(owner, handle);

        Map<String, Object> said = new LinkedHashMap<>();
        said.put("handle", handle.startsWith("conductor://file/"));
        said.put("told", List.of(
                told.getFileName(), told.getContentType(), told.getFileSize(), told.getStorageType(),
                told.getUploadStatus().name()));
        said.put("same", java.util.Arrays.equals(
                content, Files.readAllBytes(files.download(owner, handle, folder.resolve("back.bin")))));
        said.put("streamed", Files.readString(files.download(owner, streamed, folder.resolve("note.txt"))));
        said.put("stranger", refusal(() -> files.download(stranger, handle, folder.resolve("no.bin"))));
        said.put("unknown", refusal(() -> files.getMetadata(owner, "conductor://file/nothing")));
        System.out.println(new ObjectMapper().writeValueAsString(said));
        System.exit(0);
    }

    static String start(ConductorClient client) {
        WorkflowTask task = new WorkflowTask();
        task.setName("by_hand");
        task.setTaskReferenceName("by_hand");
        WorkflowDef definition = new WorkflowDef();
        definition.setName("with_files");
        definition.setVersion(1);
        definition.setOwnerEmail("java@example.com");
        definition.setTasks(List.of(task));
        new MetadataClient(client).updateWorkflowDefs(List.of(definition));
        StartWorkflowRequest request = new StartWorkflowRequest();
        request.setName("with_files");
        request.setVersion(1);
        return new WorkflowClient(client).startWorkflow(request);
    }

    static String refusal(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException error) {
            return String.valueOf(error.getMessage());
        }
        return null;
    }
}
